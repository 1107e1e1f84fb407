"""The numbers of confidence.py, written by `scripts/eval --calibrate`: don't change them by hand."""

VERSION = 2
COEFFICIENTS: dict[str, tuple[float, ...]] = {
    "lexical": (-7.6923, 2.6623, 2.9472, 3.9236, 4.3001, 2.5612, 2.9485),
    "hybrid": (-7.8532, 3.7955, 1.1414, 3.5163, 0.3309, 0.8392, 0.7588, 1.5442, 3.9575, -0.0117, 0.6409),
    "foreign_lexical": (-5.7689, -0.7073, 1.6666, 8.1812, 3.1964, 1.7334, 3.8282),
    "foreign": (-6.4096, -0.2762, -1.1258, 3.9665, 0.2235, 0.4298, 0.3135, 4.2322, 4.9744, 0.1184, 1.3064),
}
# below the first nobody knows; from the second on it is answered
THRESHOLDS: dict[str, tuple[float, float]] = {
    "lexical": (0.2066, 0.6182),
    "foreign_lexical": (0.3485, 0.6403),
    "hybrid": (0.1697, 0.6366),
    "foreign": (0.3899, 0.7572),
}

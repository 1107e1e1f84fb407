"""What scanners find on a real installation behind the real nginx: the Observatory, wapiti and sqlmap."""

"""How fast the product is, each figure beside the bound that a bare program reaches in the same run."""

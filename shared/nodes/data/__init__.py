"""What the data nodes share: fields of parameters, limits, comparisons."""

"""The canary hunt: secrets that nothing may repeat are used in every way there is, then looked for everywhere (I8)."""

"""The array types that public functions speak, with their shapes.

`n` images of height `h`, width `w` and `c` channels (1 grey, 3 colour), `k` classes, `d` features.
The shapes are documentation for the reader; the tests check them at every call (pytest's
`--jaxtyping-packages` option), ordinary use does not.
"""

import numpy as np
from jaxtyping import Float32, Int64, UInt8

Images = UInt8[np.ndarray, "n h w c"]  # raw pixels, 0..255, as decoded
Image = UInt8[np.ndarray, "h w c"]
Labels = Int64[np.ndarray, " n"]  # index into class_names
Probabilities = Float32[np.ndarray, "n k"]  # rows sum to 1
Features = Float32[np.ndarray, "n d"]
Distances = Float32[np.ndarray, " n"]

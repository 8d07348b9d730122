"""From a picture in any of Pillow's modes to raw pixels, with a record of what was done to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image as Pillow
from PIL import ImageOps

from loupe.arrays import Image

# What may be done to an image, in words that follow "was" or "were".
DONE = {
    "turned": "turned as the EXIF data says",
    "exif": "left as stored, because the EXIF data cannot be read",
    "frame": "taken from the first of several frames",
    "palette": "looked up in a palette",
    "bilevel": "1-bit: black became 0 and white 255",
    "16-bit": "16-bit: 0..65535 was scaled to 0..255",
    "fraction": "in floating point: 0..1 was scaled to 0..255",
    "float": "in floating point: 0..255 was rounded",
    "colours": "converted to RGB from other colours (CMYK, YCbCr, LAB or HSV)",
    "grey": "stored in colour, but every pixel is grey: one channel was kept",
    "white paper": "laid on white paper, being transparent in parts",
    "black paper": "laid on black paper, being light ink on transparent ground",
    "invisible": "transparent everywhere: nothing but white paper was left",
}
# Ink lighter than this would vanish on white paper, which is what drawings are made for otherwise.
LIGHT_INK = 191
_ORIENTATION = 0x0112  # the EXIF tag: 1 is upright, 2 to 8 are turned or mirrored
_TURNED = range(2, 9)

Alpha = UInt8[np.ndarray, "h w"]  # 0 transparent, 255 opaque


class Uninterpretable(ValueError):
    """Pixels whose values cannot be brought to 0..255 without guessing."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded image.

    Attributes:
        pixels: uint8 `[h w c]`, upright; one channel where all is grey, else three.
        done: what was done to get there, as keys of `DONE`.
    """

    pixels: Image
    done: tuple[str, ...] = ()


def rasterise(
    image: Pillow.Image, decode_deep: Callable[[], np.ndarray | None] | None = None
) -> Picture:
    """Bring a Pillow image to raw pixels: upright, opaque, 8-bit, grey or RGB.

    Args:
        image: as it was opened.
        decode_deep: gives its channels in 16 bits where it has several of so many, which Pillow
            cuts off to 8; called once Pillow has found the file whole.

    Raises:
        Uninterpretable: numbers that are no usual range of grey.

    Example:
        >>> black = rasterise(Pillow.new("CMYK", (1, 1), (0, 0, 0, 255)))
        >>> black.pixels.tolist(), black.done
        ([[[0]]], ('colours', 'grey'))
    """
    done: list[str] = []
    if getattr(image, "is_animated", False):
        done.append("frame")
    if image.format == "TIFF" and image.getexif().get(_ORIENTATION, 1) in _TURNED:
        done.append("turned")  # Pillow turns TIFF, and only TIFF, when it loads the pixels
    image.load()
    deep = decode_deep() if decode_deep else None
    if deep is not None and "transparency" not in image.info:  # of which Pillow knows the 16 bits
        image = _eight_bits(image, deep)
        done.append("16-bit")
    convert = _CONVERSIONS.get(image.mode, _other_colours)
    pixels, alpha = convert(_upright(image, done), done)
    if alpha is not None and alpha.min(initial=255) < 255:
        pixels = _on_paper(pixels, alpha, done)
    return as_picture(pixels, done)


def as_picture(pixels: Image, done: Sequence[str] = ()) -> Picture:
    """Make a picture of opaque grey or RGB pixels: one channel where every pixel is grey.

    Example:
        >>> as_picture(np.full((2, 2, 3), 7, np.uint8)).pixels.shape
        (2, 2, 1)
    """
    if pixels.shape[2] == 3 and _is_grey(pixels):
        grey = np.ascontiguousarray(pixels[:, :, :1])
        return Picture(grey, (*done, "grey") if "palette" not in done else tuple(done))
    return Picture(np.ascontiguousarray(pixels), tuple(done))


def _upright(image: Pillow.Image, done: list[str]) -> Pillow.Image:
    try:
        exif = image.getexif()
    except Exception:  # Pillow raises whatever the damage leads to
        exif = None
    if not exif:
        done += ["exif"] * bool(image.info.get("exif"))
        return image
    if exif.get(_ORIENTATION, 1) not in _TURNED:
        return image
    done.append("turned")
    return ImageOps.exif_transpose(image)


_Planes = tuple[np.ndarray, np.ndarray | None]


def _grey(image: Pillow.Image, done: list[str]) -> _Planes:
    if image.mode == "1":
        done.append("bilevel")
    if image.has_transparency_data:  # a grey level declared transparent
        return _grey_and_alpha(image.convert("LA"), done)
    return np.array(image.convert("L"))[:, :, np.newaxis], None


def _grey_and_alpha(image: Pillow.Image, done: list[str]) -> _Planes:
    planes = np.array(image if image.mode == "LA" else image.convert("LA"))
    return planes[:, :, :1], planes[:, :, 1]


def _colour(image: Pillow.Image, done: list[str]) -> _Planes:
    if image.mode == "P":
        done.append("palette")
    if image.has_transparency_data:
        planes = np.array(image if image.mode == "RGBA" else image.convert("RGBA"))
        return planes[:, :, :3], planes[:, :, 3]
    return np.array(image if image.mode == "RGB" else image.convert("RGB")), None


def _other_colours(image: Pillow.Image, done: list[str]) -> _Planes:
    done.append("colours")
    return np.array(image.convert("RGB")), None


def _sixteen_bit(image: Pillow.Image, done: list[str]) -> _Planes:
    done.append("16-bit")
    values = np.asarray(image)
    transparent = image.info.get("transparency")  # one grey level of PNG's 65,536
    is_keyed = isinstance(transparent, int)
    alpha = np.where(values == transparent, 0, 255).astype(np.uint8) if is_keyed else None
    return _from_sixteen_bit(values), alpha


def _whole_numbers(image: Pillow.Image, done: list[str]) -> _Planes:
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise Uninterpretable(f"its pixels are whole numbers from {low} to {high}")
    done.append("16-bit")
    return _from_sixteen_bit(values), None


def _floating(image: Pillow.Image, done: list[str]) -> _Planes:
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 255):  # also where a value is not a number
        raise Uninterpretable(f"its pixels are fractions from {low:g} to {high:g}")
    done.append("fraction" if high <= 1 else "float")
    return np.rint(values * (255 if high <= 1 else 1)).astype(np.uint8)[:, :, np.newaxis], None


def _from_sixteen_bit(values: np.ndarray) -> np.ndarray:
    return _rounded(values)[:, :, np.newaxis]


def _eight_bits(image: Pillow.Image, deep: np.ndarray) -> Pillow.Image:
    """The same image with the pixels of 16 bits, rounded, and what else is known of it."""
    rounded = Pillow.fromarray(_rounded(deep))
    rounded.info = image.info
    return rounded


def _rounded(values: np.ndarray) -> np.ndarray:
    """Scale and round 0..65535 to 0..255; 65535 / 255 is 257, which is odd: no value is between."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


_CONVERSIONS: dict[str, Callable[[Pillow.Image, list[str]], _Planes]] = {
    "1": _grey,
    "L": _grey,
    "LA": _grey_and_alpha,
    "La": _grey_and_alpha,
    "P": _colour,
    "PA": _colour,
    "RGB": _colour,
    "RGBX": _colour,
    "RGBA": _colour,
    "RGBa": _colour,
    "I;16": _sixteen_bit,
    "I;16L": _sixteen_bit,
    "I;16B": _sixteen_bit,
    "I;16N": _sixteen_bit,
    "I": _whole_numbers,
    "F": _floating,
}


def _on_paper(pixels: Image, alpha: Alpha, done: list[str]) -> Image:
    """Lay a transparent image on the paper that its opaque pixels were drawn for."""
    ink = _ink_luminance(pixels, alpha)
    paper = 0 if ink is not None and ink > LIGHT_INK else 255
    done.append("invisible" if ink is None else "black paper" if paper == 0 else "white paper")
    opacity = alpha.astype(np.uint16)[:, :, np.newaxis]  # 255 * 255 + 127 still fits 16 bits
    return ((pixels * opacity + paper * (255 - opacity) + 127) // 255).astype(np.uint8)


def _ink_luminance(pixels: Image, alpha: Alpha) -> float | None:
    """The mean luminance (ITU-R BT.601) of the image, weighted by opacity; None without ink."""
    opacity = alpha.sum(dtype=np.int64)
    if not opacity:
        return None
    weights = np.array([0.299, 0.587, 0.114] if pixels.shape[2] == 3 else [1.0])
    return float(np.einsum("hwc,hw,c->", pixels, alpha, weights, dtype=np.float64) / opacity)


def _is_grey(pixels: Image) -> bool:
    red, green, blue = pixels[:, :, 0], pixels[:, :, 1], pixels[:, :, 2]
    return np.array_equal(red, green) and np.array_equal(green, blue)

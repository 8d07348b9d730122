"""From the bytes of one image file to its pixels, or to plain words about what is wrong with it."""

import functools
import io

from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from loupe.arrays import Image
from loupe.data.png import decode_deep_png, decode_plain_png, lacks_rows
from loupe.data.raster import Picture, Uninterpretable, as_picture, rasterise
from loupe.errors import DataError, Fault

# Below Pillow's own limit of 89 million, at which it would print a warning of its own.
LARGEST_PIXELS = 80_000_000
# Not all that Pillow can open: EPS would start Ghostscript, and formats without a signature take
# text for pixels.
FORMATS = (
    "PNG", "JPEG", "MPO", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF", "ICO",
)  # fmt: skip
_REPLACE = "Replace it with a whole copy, or delete it."
_NO_IMAGE = "Give an image, or move it out of the images."

# How files begin that Loupe can read when they are whole.
_IMAGES = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"RIFF": "WebP",
    b"\0\0\0\x0cjP": "JPEG 2000",
}
# How files begin that people find among their images: what they are, and what to do.
_OTHERS = {
    b"version https://git-lfs": ("a Git LFS pointer, not the image itself", "Run 'git lfs pull'."),
    b"<!doctype html": ("a web page, not an image", "Its download failed: get it again."),
    b"<html": ("a web page, not an image", "Its download failed: get it again."),
    b"<svg": ("an SVG drawing, not pixels", "Save it as PNG."),
    b"<?xml": ("XML (an SVG drawing or annotations), not pixels", "Save it as PNG, or move it."),
    b"%pdf": ("a PDF document, not an image", "Save its pages as PNG."),
    b"8bps": ("a Photoshop document", "Save it as PNG."),
    b"pk\x03\x04": ("a ZIP archive, not an image", "Unpack it, and give its folder."),
    b"\x1f\x8b": ("packed with gzip", "Unpack it."),
    b"rar!": ("a RAR archive, not an image", "Unpack it, and give its folder."),
    b"7z\xbc\xaf": ("a 7z archive, not an image", "Unpack it, and give its folder."),
    b"\x93numpy": ("a NumPy array, not an image file", "Read it on its own, as .npz with labels."),
}
_HEIC_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"hevc")
_HEIC = (
    "a HEIC photograph, which Loupe cannot read",
    "Save it as JPEG (an iPhone does so under Settings > Camera > Formats > Most Compatible).",
)
# Words in Pillow's messages that mean that the file ends too early.
_CUT_SHORT = ("truncated", "not enough", "but only got", "unexpected end")


class Unreadable(DataError):
    """An image that cannot be decoded: `problem` and `advice` say why and what to do."""

    def __init__(self, problem: str, advice: str, source: str = "") -> None:
        super().__init__(f"{source or 'The image'} cannot be read: {problem} {advice}")
        self.problem, self.advice, self.source = problem, advice, source

    @property
    def fault(self) -> Fault:
        """The same as a row of the table of bad files."""
        return Fault(self.source, self.problem, self.advice)


def decode(content: bytes, source: str) -> Image:
    """Decode an image file to raw pixels: upright, opaque, 8-bit, `[h w 1]` grey or `[h w 3]` RGB.

    The format is recognised by content, never by the file's name. The EXIF orientation is applied,
    transparency is laid on paper (white, or black under light ink), 16 bits are scaled to 8, of an
    animation the first frame is taken, and colour that is grey everywhere becomes one channel.

    Args:
        content: the whole file.
        source: where it is from, for messages.

    Raises:
        Unreadable: it is empty, no image, damaged, cut short or too large.

    Example:
        >>> decode(b"P5 2 1 255 " + bytes([0, 255]), "two.pgm").tolist()
        [[[0], [255]]]
        >>> decode(b"hello", "letter.png")
        Traceback (most recent call last):
        ...
        loupe.data.decode.Unreadable: letter.png cannot be read: it is text, not an image. Give an \
image, or move it out of the images.
    """
    return decode_picture(content, source).pixels


def decode_picture(content: bytes, source: str) -> Picture:
    """Decode as `decode` does, and record what was done to the image.

    Raises:
        Unreadable: as in `decode`.
    """
    if not content:
        raise Unreadable("it is empty (0 bytes).", _REPLACE, source)
    plain = decode_plain_png(content)
    if plain is not None:
        return as_picture(plain)
    try:
        with Pillow.open(io.BytesIO(content), formats=_formats()) as image:
            _refuse_bomb(image.size, source)
            picture = rasterise(image, functools.partial(decode_deep_png, content))
    except Unreadable:
        raise
    except Uninterpretable as error:
        raise Unreadable(
            f"{error}; expected 0..255, 0..65535, or fractions from 0 to 1.",
            "Save it as 8-bit or 16-bit grey.",
            source,
        ) from error
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise Unreadable(*_explanation(content, error), source) from error
    if lacks_rows(content):
        raise Unreadable("it has fewer rows of pixels than its header declares.", _REPLACE, source)
    return picture


@functools.cache
def _formats() -> tuple[str, ...]:
    Pillow.init()  # loads all of Pillow's formats; AVIF is not in every build of it
    return tuple(name for name in FORMATS if name in Pillow.OPEN)


def _refuse_bomb(size: tuple[int, int], source: str) -> None:
    width, height = size
    if width * height > LARGEST_PIXELS:
        raise Unreadable(
            f"it declares {width} x {height} pixels; at most {LARGEST_PIXELS:,} are read.",
            "Make it smaller, or delete it if it was made to fill memory.",
            source,
        )


def _explanation(content: bytes, error: Exception) -> tuple[str, str]:
    """Say what is wrong with a file that Pillow could not read, and what to do."""
    if isinstance(error, (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning)):
        return f"it declares more than {LARGEST_PIXELS:,} pixels.", "Make it smaller, or delete it."
    if _is_cut_short(content, str(error)):
        return f"it ends after {len(content)} bytes, before its image is complete.", _REPLACE
    if not isinstance(error, UnidentifiedImageError):
        return f"it is damaged ({str(error).strip('. ') or type(error).__name__}).", _REPLACE
    known = next((name for start, name in _IMAGES.items() if content.startswith(start)), None)
    if known:
        return f"it begins as {known} does, but its header is damaged or cut short.", _REPLACE
    return _other_content(content)


def _is_cut_short(content: bytes, message: str) -> bool:
    if content.startswith(b"RIFF") and int.from_bytes(content[4:8], "little") + 8 > len(content):
        return True
    return any(words in message.lower() for words in _CUT_SHORT)


def _other_content(content: bytes) -> tuple[str, str]:
    head = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return f"it is {_HEIC[0]}.", _HEIC[1]
    for start, (what, advice) in _OTHERS.items():
        if head.startswith(start):
            return f"it is {what}.", advice
    if _is_text(content[:4096]):
        return "it is text, not an image.", _NO_IMAGE
    return "it is no image in a format that Loupe reads.", "Save it as PNG or JPEG, or move it."


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        text = head[: error.start].decode("utf-8") if error.start > len(head) - 4 else "\0"
    return all(letter.isprintable() or letter.isspace() for letter in text)

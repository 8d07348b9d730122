"""Seeded pictures that break readers: damaged, huge, tiny, rare, or with nothing on them."""

import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image as Pillow

Make = Callable[[np.random.Generator], bytes]


def strange_picture(number: int) -> tuple[str, bytes]:
    """Make one of endlessly many: its kind, and the bytes of its file."""
    generator = np.random.default_rng([2026, number])
    kind = list(KINDS)[number % len(KINDS)]
    return kind, KINDS[kind](generator)


def _file(pixels: np.ndarray | Pillow.Image, kind: str = "PNG", **options: object) -> bytes:
    image = pixels if isinstance(pixels, Pillow.Image) else Pillow.fromarray(pixels)
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def _drawing(generator: np.random.Generator) -> np.ndarray:
    """Digits, lines and blots on paper of any colour and size: [h w 3]."""
    height, width = generator.integers(8, 400, 2).tolist()
    page = np.full((height, width, 3), generator.integers(0, 256, 3), np.uint8)
    for _ in range(generator.integers(0, 6)):
        colour = generator.integers(0, 256, 3).tolist()
        start, end = (generator.integers(-20, 420, 2).tolist() for _ in range(2))
        pen = int(generator.integers(1, 30))
        match generator.integers(0, 3):
            case 0:
                text, scale = str(generator.integers(0, 10**6)), float(generator.uniform(0.3, 8))
                cv2.putText(page, text, start, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, pen)
            case 1:
                cv2.line(page, start, end, colour, pen)
            case 2:
                cv2.circle(page, start, pen * 3, colour, -1)
    return page


def _truncated(generator: np.random.Generator) -> bytes:
    kind = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")[generator.integers(0, 6)]
    content = _file(_drawing(generator), kind)
    return content[: generator.integers(0, len(content))]


def _flipped(generator: np.random.Generator) -> bytes:
    """A file with some wrong bytes."""
    kind = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")[generator.integers(0, 6)]
    content = np.frombuffer(_file(_drawing(generator), kind), np.uint8).copy()
    places = generator.integers(0, len(content), generator.integers(1, 20))
    content[places] = generator.integers(0, 256, len(places))
    return content.tobytes()


def _huge_header(generator: np.random.Generator) -> bytes:
    """A PNG of a few bytes that declares up to four thousand million pixels a side."""
    width, height = generator.integers(2**14, 2**31, 2).tolist()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )  # fmt: skip


def _noise(generator: np.random.Generator) -> bytes:
    shape = (*generator.integers(1, 200, 2).tolist(), 3)
    return _file(generator.integers(0, 256, shape, np.uint8))


def _sides(generator: np.random.Generator, height: int, width: int) -> bytes:
    pixels = generator.integers(0, 256, (height, width), np.uint8)
    if generator.integers(0, 2):
        pixels[:] = pixels[0, 0]
    return _file(pixels)


def _sixteen_bit(generator: np.random.Generator) -> bytes:
    grey = _drawing(generator)[..., 0].astype(np.uint16) * generator.integers(1, 258)
    return _file(grey.astype(np.uint16))


def _animated(generator: np.random.Generator) -> bytes:
    frames = [Pillow.fromarray(_drawing(generator)).resize((90, 60)) for _ in range(3)]
    return _file(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)


def _cmyk(generator: np.random.Generator) -> bytes:
    return _file(Pillow.fromarray(_drawing(generator)).convert("CMYK"), "JPEG")


def _palette(generator: np.random.Generator) -> bytes:
    colours = int(generator.integers(2, 200))
    image = Pillow.fromarray(_drawing(generator)).quantize(colours)
    return _file(image, "PNG", transparency=int(generator.integers(0, colours)))


def _transparent(generator: np.random.Generator) -> bytes:
    page = _drawing(generator)
    opacity = generator.integers(0, 256, (*page.shape[:2], 1), np.uint8)
    if generator.integers(0, 2):
        opacity[:] = generator.integers(0, 256)
    return _file(np.concatenate([page, opacity], axis=2))


def _one_level(generator: np.random.Generator, level: int) -> bytes:
    return _file(np.full(generator.integers(1, 300, 2), level, np.uint8))


def _one_pixel_off(generator: np.random.Generator) -> bytes:
    page = np.full((60, 80), 200, np.uint8)
    page[generator.integers(0, 60), generator.integers(0, 80)] = generator.integers(0, 256)
    return _file(page)


def _checkerboard(generator: np.random.Generator) -> bytes:
    side = int(generator.integers(1, 20))
    y, x = np.mgrid[:200, :240] // side
    return _file(((y + x) % 2 * 255).astype(np.uint8))


KINDS: dict[str, Make] = {
    "drawing": lambda g: _file(_drawing(g)),
    "drawing as JPEG": lambda g: _file(_drawing(g), "JPEG", quality=int(g.integers(5, 95))),
    "truncated": _truncated,
    "wrong bytes": _flipped,
    "huge header": _huge_header,
    "1 x 1": lambda g: _sides(g, 1, 1),
    "1 x 5000": lambda g: _sides(g, 1, 5000),
    "5000 x 1": lambda g: _sides(g, 5000, 1),
    "2 x 3": lambda g: _sides(g, 2, 3),
    "16-bit": _sixteen_bit,
    "animated GIF": _animated,
    "CMYK JPEG": _cmyk,
    "palette with transparency": _palette,
    "transparent": _transparent,
    "black": lambda g: _one_level(g, 0),
    "white": lambda g: _one_level(g, 255),
    "one level": lambda g: _one_level(g, int(g.integers(0, 256))),
    "noise": _noise,
    "one pixel": _one_pixel_off,
    "checkerboard": _checkerboard,
    "random bytes": lambda g: g.bytes(int(g.integers(0, 3000))),
}

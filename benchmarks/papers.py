"""What digits are written on, and the light that falls on it: generated, seeded."""

import cv2
import numpy as np

Field = np.ndarray  # float32 `[h w]`, around 1: what the light or the paper leaves of white


def texture(size: tuple[int, int], strength: float, generator: np.random.Generator) -> Field:
    """Fibres and clouds of paper: noise at four scales."""
    height, width = size
    total = np.zeros(size, np.float32)
    for coarse in (2, 5, 20, 80):
        shape = (max(2, height // coarse), max(2, width // coarse))
        noise = generator.standard_normal(shape, np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    return 1 + strength / 2 * total


def gradient(size: tuple[int, int], depth: float, generator: np.random.Generator) -> Field:
    """Light that falls off to one side, a little bent."""
    x, y = _coordinates(size, generator.uniform(0, 2 * np.pi))
    slope = (x + 1) / 2 + 0.3 * y * generator.uniform(-1, 1)
    return _stretched(1 - depth * np.clip(slope, 0, 1), size)


def vignette(size: tuple[int, int], depth: float, generator: np.random.Generator) -> Field:
    """Light that falls off towards the edges, from a place near the middle."""
    x, y = _coordinates(size, 0.0)
    x, y = x - generator.uniform(-0.4, 0.4), y - generator.uniform(-0.4, 0.4)
    return _stretched(1 - depth * np.clip((x**2 + y**2) / 2, 0, 1), size)


def shadow(size: tuple[int, int], depth: float, generator: np.random.Generator) -> Field:
    """The shadow of a hand or a phone: a polygon that comes in from an edge."""
    height, width = size
    cover = np.zeros(size, np.uint8)
    side = generator.integers(4)
    if generator.random() < 0.5:  # an arm: a wide band across a corner
        middle = generator.uniform(0.1, 0.9, 2) * (width, height)
        angle = generator.uniform(0, 2 * np.pi)
        along = np.array([np.cos(angle), np.sin(angle)]) * 3 * max(size)
        across = along[::-1] * (1, -1)
        points = np.array([middle - along, middle + along, middle + along + across])
        points = np.concatenate([points, [middle - along + across]])
    else:  # a phone: a block with round corners
        reach = generator.uniform(0.12, 0.35)
        start, length = generator.uniform(0.0, 0.5), generator.uniform(0.3, 0.8)
        points = np.array([[start, 1 - reach], [start + length, 1 - reach], [start + length, 2]])
        points = np.concatenate([points, [[start, 2]]])
        turned = [points, points[:, ::-1], 1 - points, 1 - points[:, ::-1]][side]
        points = turned * (width, height)
    cv2.fillPoly(cover, [np.round(points).astype(np.int32)], 255)
    soft = generator.uniform(0.002, 0.02) * max(size)
    cover = cv2.GaussianBlur(cover, (0, 0), max(0.5, soft))
    return 1 - depth * cover.astype(np.float32) / 255


def crease(size: tuple[int, int], depth: float, generator: np.random.Generator) -> Field:
    """One or two folds: a light line beside a dark one, and a plane that is a little darker."""
    result = np.ones(size, np.float32)
    for _ in range(generator.integers(1, 3)):
        x, y = _coordinates(size, generator.uniform(0, 2 * np.pi), full=True)
        place = x - generator.uniform(-0.6, 0.6) + 0.02 * np.sin(4 * y + generator.uniform(0, 6))
        narrow = generator.uniform(0.004, 0.010)
        result -= depth * np.exp(-((place / narrow) ** 2))
        result += 0.6 * depth * np.exp(-(((place - 2 * narrow) / narrow) ** 2))
        result -= 0.25 * depth * (place > 0)
    return result


def dark_edge(
    size: tuple[int, int], depth: float, widest: float, generator: np.random.Generator
) -> Field:
    """The table beside the paper: a dark strip along one or two sides."""
    height, width = size
    cover = np.zeros(size, np.uint8)
    for side in generator.permutation(4)[: generator.integers(1, 3)]:
        near, far = generator.uniform(0.1, 1, 2) * widest / (height, width)[side % 2]
        points = np.array([[-0.1, -0.1], [1.1, -0.1], [1.1, far], [-0.1, near]])
        points = [points, points[:, ::-1], 1 - points, 1 - points[:, ::-1]][side]
        cv2.fillPoly(cover, [np.round(points * (width, height)).astype(np.int32)], 255)
    cover = cv2.GaussianBlur(cover, (0, 0), max(0.4, 0.002 * max(size)))
    return 1 - depth * cover.astype(np.float32) / 255


def ruled(size: tuple[int, int], pitch: float, squared: bool, line: float) -> np.ndarray:
    """Printed lines: cover 0 to 255."""
    height, width = size
    cover = np.zeros(size, np.uint8)
    thickness = max(1, round(line))
    for at in np.arange(0.6 * pitch, height, pitch):
        cv2.line(cover, (0, round(at)), (width, round(at)), 255, thickness, cv2.LINE_AA)
    if squared:
        for at in np.arange(0.4 * pitch, width, pitch):
            cv2.line(cover, (round(at), 0), (round(at), height), 255, thickness, cv2.LINE_AA)
    return cover


def boxes(size: tuple[int, int], places: np.ndarray, line: float) -> np.ndarray:
    """Printed boxes, as forms have them, left top right bottom of each: cover 0 to 255."""
    cover = np.zeros(size, np.uint8)
    for left, top, right, bottom in np.round(places).astype(int).tolist():
        corners = (left, top), (right, bottom)
        cv2.rectangle(cover, *corners, 255, max(1, round(line)), cv2.LINE_AA)
    return cover


def _coordinates(
    size: tuple[int, int], angle: float, full: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Turned coordinates, -1..1 over the longer side: of each pixel, or of every eighth."""
    step = 1 if full else 8
    height, width = (max(2, -(-side // step)) for side in size)
    longer = max(height, width)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = (2 * x - width) / longer, (2 * y - height) / longer
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cos * x + sin * y, cos * y - sin * x


def _stretched(field: np.ndarray, size: tuple[int, int]) -> Field:
    return cv2.resize(field.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)

"""Figures and names as they are written in sentences."""


def percent(share: float, digits: int = 2) -> str:
    """Write a share as a percentage.

    Example:
        >>> percent(0.9952), percent(0.0157, 1)
        ('99.52 %', '1.6 %')
    """
    return f"{100 * share:.{digits}f} %"


def counted(count: int, noun: str) -> str:
    """Write a number of things, in the plural where it is one.

    Example:
        >>> counted(1, "image"), counted(10_000, "image")
        ('1 image', '10,000 images')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def loss(figure: float) -> str:
    """Write a loss: four decimals, or two figures where those would hide it.

    Example:
        >>> loss(0.0312), loss(0.00004)
        ('0.0312', '4e-05')
    """
    return f"{figure:.4f}" if figure >= 0.001 or figure == 0 else f"{figure:.2g}"


def quoted(name: str) -> str:
    """Write a class name: in quotes where it could be taken for part of the sentence.

    Example:
        >>> quoted("5"), quoted("Shirt"), quoted("T-shirt/top"), quoted("a")
        ('5', 'Shirt', "'T-shirt/top'", "'a'")
    """
    plain = name.isalnum() and not name.islower()
    return name if plain else f"'{name}'"

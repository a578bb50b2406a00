"""One picture of a user's as a square of pixels, the same wherever one is read, or the reason why it cannot be."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from study.errors import StudyError

with contextlib.suppress(ImportError):  # no part of the environment; who has it can read HEIC pictures
    from pillow_heif import register_heif_opener

    register_heif_opener()

MARGIN = (127, 127, 127)  # grey, which a network sees as close to nothing
KEPT = 2  # a JPEG of more than twice the size is decoded at a half, a quarter or an eighth of it


def read_picture(path: Path, size: int, fit: str = "crop") -> np.ndarray:
    """Return uint8 [size, size, 3], RGB: the picture as a viewer shows it, so turned as EXIF says.

    With `fit` crop it is the central square, with pad all of it between grey margins. Transparent pixels are laid on
    white; of an animation the first picture counts. 16 bits of grey become 8, 65,535 being white whatever the picture
    holds. Raises StudyError for a file that is missing, is not an image, has other numbers, or is too large.
    """
    make_square = ImageOps.fit if fit == "crop" else ImageOps.pad
    color = {} if fit == "crop" else {"color": MARGIN}
    with opened(path, size) as image:
        return np.asarray(make_square(image, (size, size), Image.Resampling.BICUBIC, **color))


@contextlib.contextmanager
def opened(path: Path, size: int) -> Iterator[Image.Image]:
    """Yield the picture in RGB, turned as EXIF says, to be reduced to a side of `size` pixels at least."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:  # of large pictures, odd metadata
            is_deep = image.mode.startswith("I;16") or (image.mode, image.format) == ("I", "PPM")
            if image.mode in ("I", "F") and not is_deep:
                raise StudyError(f"{path} has signed or 32-bit grey, of which none is white; save it with 8 or 16.")
            scale = KEPT * size / min(image.size)
            image.draft("RGB", tuple(round(scale * side) for side in image.size))
            image = ImageOps.exif_transpose(image)
            yield _on_white(_of_8_bits(image) if is_deep else image)
    except FileNotFoundError:
        raise StudyError(f"There is no file {path}; correct the path.") from None
    except IsADirectoryError:
        raise StudyError(f"{path} is a folder; name the pictures in it, such as {path}/*.png.") from None
    except PermissionError:
        raise StudyError(f"{path} cannot be opened (permission denied); make it readable.") from None
    except UnidentifiedImageError:
        if _is_heif(path):
            raise StudyError(f"{path} is a HEIC picture; convert it to JPEG, or pip install pillow-heif.") from None
        raise StudyError(f"{path} is not an image; name a PNG, JPEG or another picture.") from None
    except Image.DecompressionBombError:
        most = f"{2 * Image.MAX_IMAGE_PIXELS / 1e6:.0f}"
        raise StudyError(f"{path} has more than {most} million pixels; make the picture smaller first.") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:  # what Pillow's readers raise for a damaged file
        raise StudyError(
            f"{path} is damaged ({' '.join(str(error).split()) or type(error).__name__}); replace it."
        ) from None


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """Return images uint8 [N, S, S, 3] as uint8 [N, size, size, 3], each pixel the mean of its area."""
    if images.shape[1] == size:
        return images
    found = np.empty((len(images), size, size, 3), np.uint8)
    for place, image in enumerate(images):
        found[place] = Image.fromarray(np.asarray(image)).resize((size, size), Image.Resampling.BOX)
    return found


def _is_heif(path: Path) -> bool:
    """Return whether a file is of the format in which many phones keep their pictures (ISO/IEC 23008-12)."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def _of_8_bits(image: Image.Image) -> Image.Image:
    """Return a grey picture of 0 to 65535 as one of 0 to 255, rounded; what it calls transparent becomes white."""
    values = np.asarray(image).astype(np.uint32)
    values[values == image.info.get("transparency")] = 65535
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    """Return `image` in RGB, on white where it is transparent."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")

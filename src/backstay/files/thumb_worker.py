"""`python -m backstay.files.thumb_worker`: makes thumbnails in a process of its own, one after the other.

Images are what strangers send, and decoders are what they attack. So each image is decoded here, with a limit on
memory that the system enforces; a job that takes too long gets its process killed (`thumbs.py`). Only four formats
are opened, and the number of pixels is read from the header before anything is decoded.

A line of JSON on stdin is a job, a line on stdout its answer.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import msgspec
from PIL import Image, ImageOps

from backstay.files.sizes import ThumbSize

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
PIXELS_MAX = 40_000_000
MEMORY_MAX_BYTES = 1 << 30
QUALITY = 82


class Job(msgspec.Struct):
    """source, target: paths; the target gets its format from the source, PNG where that can't be written."""

    source: str
    target: str
    size: ThumbSize


class Answer(msgspec.Struct):
    """error: '' when the thumbnail is there"""

    error: str = ""


def make(job: Job) -> str:
    """Make one thumbnail; return '' or what is wrong with the image."""
    try:
        with Image.open(job.source, formats=FORMATS) as image:
            if image.width * image.height > PIXELS_MAX:
                return f"the image has over {PIXELS_MAX} pixels"
            kind = image.format or "PNG"
            image.draft("RGB", (job.size.width * 2 or image.width, job.size.height * 2 or image.height))
            upright = ImageOps.exif_transpose(image)
            thumb = resized(plain(upright), job.size)
            save(thumb, kind, Path(job.target))
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError, EOFError) as exc:
        return f"{type(exc).__name__}: {exc}"[:200]
    return ""


def plain(image: Image.Image) -> Image.Image:
    """Return an image in colours that can be scaled: palettes have none in between."""
    if image.mode in {"RGB", "RGBA", "L", "LA"}:
        return image
    has_alpha = "transparency" in image.info or image.mode in {"PA", "RGBa", "La"}
    return image.convert("RGBA" if has_alpha else "RGB")


def resized(image: Image.Image, size: ThumbSize) -> Image.Image:
    """Return an image in a size; see `ThumbSize`."""
    width, height = size.width, size.height
    if not width or not height:
        scale = (width / image.width) if width else (height / image.height)
        box = (width or max(1, round(image.width * scale)), height or max(1, round(image.height * scale)))
        return image.resize(box, Image.Resampling.LANCZOS)
    if size.fit == "f":
        if image.width <= width and image.height <= height:
            return image
        return ImageOps.contain(image, (width, height), Image.Resampling.LANCZOS)
    centre = {"t": 0.0, "b": 1.0}.get(size.fit, 0.5)
    return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS, centering=(0.5, centre))


def save(image: Image.Image, kind: str, target: Path) -> None:
    """Write a thumbnail without anything of the original but its pixels."""
    image.info.clear()
    if kind == "JPEG":
        image.convert("RGB").save(target, "JPEG", quality=QUALITY, optimize=True)
    else:
        image.save(target, "PNG", compress_level=6)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX_BYTES, MEMORY_MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    Image.init()
    decode, encode = msgspec.json.Decoder(Job).decode, msgspec.json.encode
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(encode(Answer(make(decode(line)))) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()

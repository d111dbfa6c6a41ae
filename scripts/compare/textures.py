"""Pictures with the statistics of photographs, drawn from a seed: few or many occluding shapes, patterns, shading, grain, digits."""
import numpy as np


def grain(rng, height, width):
    """Noise whose amplitude falls as 1 / frequency, scaled to a standard deviation of 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((height, width))) / frequency
    noise = np.fft.irfft2(spectrum, s=(height, width))
    return noise / noise.std()


def shape_mask(rng, y, x):
    """A disc or a turned rectangle; radii follow a power law (density 1 / r^3), as in photographs."""
    height, width = y.shape
    small, large = 0.02 * max(height, width), 0.35 * max(height, width)
    radius = 1 / np.sqrt(rng.uniform(1 / large**2, 1 / small**2))
    dy, dx = y - rng.uniform(0, height), x - rng.uniform(0, width)
    angle, aspect = rng.uniform(0, np.pi), rng.uniform(0.3, 1)
    u, v = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    if rng.random() < 0.5:
        return u**2 + (v / aspect) ** 2 < radius**2
    return np.maximum(np.abs(u), np.abs(v) / aspect) < 0.8 * radius


def pattern(rng, y, x):
    """Stripes, checks or nothing, -1..1."""
    angle, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(4), np.log(60)))
    along = 2 * np.pi / period * (x * np.cos(angle) + y * np.sin(angle))
    across = 2 * np.pi / period * (y * np.cos(angle) - x * np.sin(angle))
    return rng.choice([np.sin(along), np.sign(np.sin(along) * np.sin(across)), np.zeros_like(x)], p=[0.2, 0.1, 0.7])


def photograph(seed, height, width):
    """float32 [3, height, width], 0..255."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    image = np.empty((3, height, width))
    image[:] = rng.uniform(40, 215, (3, 1, 1))
    image += rng.normal(0, 60) * y / height + rng.uniform(0, 50) * grain(rng, height, width)
    colour, palette = rng.uniform(5, 60), rng.uniform(20, 235, 3)
    for _ in range(int(np.exp(rng.uniform(0, np.log(120))))):
        mask = shape_mask(rng, y, x)
        paint = 0.5 * palette + 0.5 * rng.uniform(0, 255) + rng.normal(0, colour, 3)
        shade = rng.normal(0, 40, 2) @ np.stack([y[mask] / height - 0.5, x[mask] / width - 0.5])
        image[:, mask] = paint[:, None] + shade + rng.uniform(0, 60) * pattern(rng, y[mask], x[mask])
    image += rng.uniform(0, 14) * grain(rng, height, width)
    image += rng.normal(0, 2, image.shape)
    return np.clip(image, 0, 255).astype(np.float32)


def photographs(seed, count, height, width):
    return np.stack([photograph(seed + i, height, width) for i in range(count)])


def with_digits(seed, images, digits):
    """Draws rows of digits (uint8 [N, 28, 28]) into pictures, in a colour of their own: what a detector of text looks for."""
    rng = np.random.default_rng(seed)
    images = images.copy()
    _, _, height, width = images.shape
    for image in images:
        for _ in range(max(1, height * width // 20000)):
            ink = rng.uniform(0, 255, (3, 1, 1))
            top, left = rng.integers(0, height - 28), rng.integers(0, width - 28)
            for at in range(left, min(width - 28, left + 22 * rng.integers(2, 9)), 22):
                alpha = digits[rng.integers(len(digits))] / 255.0
                patch = image[:, top:top + 28, at:at + 28]
                patch += alpha * (ink - patch)
    return images

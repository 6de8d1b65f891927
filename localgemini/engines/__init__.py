"""The engines that read pages: `none` makes text up from the image's bytes, `rapidocr` reads for real."""

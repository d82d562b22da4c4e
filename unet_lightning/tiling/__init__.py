"""The overlap-tile strategy: the only code that knows about borders.

A network's output pixel is exact when its input reaches `halo` pixels further on every side. Tiles are therefore read
with that much context: the image's own pixels where there are any, mirrored ones beyond its edge. The exact central
parts are put side by side; the result equals one pass over the mirror-padded image.
Ronneberger et al., MICCAI 2015, doi:10.1007/978-3-319-24574-4_28.
"""

"""What moves in a video, and how fast: point tracks, their clusters by common motion, and the clusters' speeds.

Parekh (2019), chapters 3 and 4, with Keuper, Andres and Brox (2015) for the clusters. Positions are in pixels of the
frames that were given, x to the right and y down; times in seconds.
"""

"""The light of one photo on another, by descending on its pixels: slow, and a yardstick."""

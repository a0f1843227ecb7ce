"""Independent float64 computations that judge the code under test."""

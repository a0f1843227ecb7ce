"""Compiled inner loops for a CPU, each beside the plain torch that it equals; a GPU and float64 take the plain one."""

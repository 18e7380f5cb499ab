"""Figures of served traffic: goodput, attainment, wasted energy, and the curve over several loads."""

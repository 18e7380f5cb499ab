"""A judge of stated intervals: signals, sensors and samplers that share nothing with the simulators of the tests.

No margin, threshold or factor of the library may be fitted to what it reports. If one of its cells fails, arithmetic
changes for a reason that is stated elsewhere (physics, a data sheet, a log of a real card), or `cells.NOT_COVERED` and
docs/explanation/uncertainty.md name the cell. To change a signal or a sensor so that a cell holds is the same fault.

Sources: Yang, Adamek, Armour, Part-time Power Measurements (arXiv 2312.02741), for what each sensor sees and how often;
NVML API reference; for the course of power, what prefill, decoding and tensor parallelism do on a board. Only `verdict`
knows the library.
"""

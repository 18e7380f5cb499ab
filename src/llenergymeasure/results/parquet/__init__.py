"""The raw tables of a bundle as Parquet files, and back."""

"""What has to hold before an experiment starts."""

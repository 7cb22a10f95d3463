"""Reading upstream's files, publishing our results, and the IO managers that do both for Dagster."""

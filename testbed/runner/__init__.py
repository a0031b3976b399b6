"""The only place that composes: scenarios + labs -> a recorded, judged run."""

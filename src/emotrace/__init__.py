"""Speech emotion recognition that shows where in time the emotion is."""

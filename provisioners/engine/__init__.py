"""Plan, run, journal and fold: what makes a blueprint real and never loses or duplicates anything."""

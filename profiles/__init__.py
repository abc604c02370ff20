"""What the user wants: the profile, its questions, its presets and the dated catalogue of classes and prices."""

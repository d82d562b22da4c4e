"""What each rule of `plan=auto` brings, and what all of them together do."""

"""Output for people: pictures, contact sheets, charts, tables, HTML."""

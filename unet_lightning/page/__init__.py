"""What people look at: pictures, contact sheets, charts, tables, HTML."""

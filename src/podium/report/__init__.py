"""Pages that people read: self-contained HTML, drawn from plain values."""

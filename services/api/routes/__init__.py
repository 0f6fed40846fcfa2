"""One file per resource. Each has a `blueprint`; the application finds it by scanning this folder."""

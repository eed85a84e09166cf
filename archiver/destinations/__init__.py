"""What an archive is written as: a zip, a ``.tar.gz`` or a folder, behind one protocol."""

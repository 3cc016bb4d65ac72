"""Commands for people at a terminal that need no server, one file each; `server.cli` registers them."""

import typer

from streams.sandbox.command import sandbox_command

typer.run(sandbox_command)

"""`nlp-deid serve`: the REST service on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nlp_deid.cli_keys import given, read_given_key
from nlp_deid.cli_listen import listening
from nlp_deid.cli_options import DateOrder, Dictionaries, KeyDescriptor, KeyFile, PolicyName
from nlp_deid.pipeline import DEFAULT_PIPELINE, load
from nlp_deid.replace.keys import KeyFault, Secret, read_key

if TYPE_CHECKING:
    from nlp_deid.service.engine import Engine

TOKEN_VARIABLE = "NLP_DEID_TOKEN"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CONNECTIONS = 256


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen at; beyond this machine only with a token.")
    ] = _LOOPBACK[0],
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    pipeline: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A pipeline that requests may use, the first if they name none; {DEFAULT_PIPELINE} if none is given."
        ),
    ] = None,
    policy: PolicyName = None,
    dictionaries: Dictionaries = None,
    date_order: DateOrder = None,
    key_file: KeyFile = None,
    key_descriptor: KeyDescriptor = None,
    key_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="A folder of key files; a request may ask for one by its name without suffix."
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help=f"The bearer token that requests must bear; else {TOKEN_VARIABLE}."
        ),
    ] = None,
    max_bytes: Annotated[
        int, typer.Option(min=1, help="Longest body, and longest row of a stream.")
    ] = 5_000_000,
    seconds: Annotated[float, typer.Option(min=0.1, help="Longest time for a request's work.")] = 30.0,
    threads: Annotated[int, typer.Option(min=1, help="Requests worked on at once.")] = 2,
    waiting: Annotated[int, typer.Option(min=0, help="Requests that may wait; more are refused.")] = 32,
) -> None:
    """Answer requests for scrubbed notes over HTTP (see docs/service.md)."""
    try:
        import uvicorn

        from nlp_deid.service.app import create_app
        from nlp_deid.service.engine import Engine
        from nlp_deid.service.limits import TokenFault
        from nlp_deid.service.state import Limits
    except ModuleNotFoundError as missing:
        raise typer.BadParameter(f"needs {missing.name}: pip install 'nlp-deid[service]'") from None
    try:
        token = _token(token_file)
    except TokenFault as fault:
        raise typer.BadParameter(str(fault), param_hint="--token-file") from None
    if token is None and host not in _LOOPBACK:
        raise typer.BadParameter(
            f"other machines can reach {host}: give a token, or one of {', '.join(_LOOPBACK)}",
            param_hint="--host",
        )
    key = read_given_key(key_file, key_descriptor)
    secret = None if key is None else Secret(key)
    options = given(source=secret, date_order=date_order)
    engine = Engine(
        {name: load(name, policy, dictionaries, options) for name in pipeline or [DEFAULT_PIPELINE]},
        _keys(key_dir),
        secret,
    )
    app = create_app(
        engine,
        Limits(max_bytes, seconds, threads, waiting),
        token,
        None if host in _LOOPBACK else ["*"],
    )
    _report(engine, token is not None)
    _log()
    with listening(host, port):
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,  # it writes paths; ours does not
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_graceful_shutdown=int(seconds) + 1,
        )


def _token(file: Path | None) -> bytes | None:
    """The hash of the token that was given; None if there is none."""
    from nlp_deid.service.limits import check_token

    if file is not None:
        return check_token(file.read_text(encoding="utf-8", errors="replace").strip())
    return check_token(os.environ[TOKEN_VARIABLE]) if TOKEN_VARIABLE in os.environ else None


def _keys(folder: Path | None) -> dict[str, Secret]:
    """Every key of a folder, by the name of its file without suffix.

    Raises:
        KeyFault: no key in it, one that cannot be used, or two of one name.
    """
    if folder is None:
        return {}
    keys: dict[str, Secret] = {}
    for path in sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")):
        if path.stem in keys:
            raise KeyFault(f"{folder}: two keys are called {path.stem!r}")
        keys[path.stem] = Secret(read_key(path))
    if not keys:
        raise KeyFault(f"{folder}: holds no key file")
    return keys


def _report(engine: Engine, guarded: bool) -> None:
    names = ", ".join(engine.pipelines)
    key = "no key: surrogates of two requests do not match" if engine.key is None else f"key {engine.key.id}"
    token = "a token is needed" if guarded else "no token: every program of this machine may ask"
    typer.echo(f"nlp-deid: pipelines {names}; {key}; {token}", err=True)
    for name, secret in engine.keys.items():
        typer.echo(f"nlp-deid: key {name!r} is {secret.id}", err=True)


def _log() -> None:
    """A line a request, and what the server says of itself, to standard error."""
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    for name in ("nlp_deid.access", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False

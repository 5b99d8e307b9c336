"""A chain of programs that answers messages, each ended by a zero byte, for as long as it lives."""

import os
import selectors
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

_BLOCK = 1 << 16
# Seconds for which programs that do not answer at all are left alone: each message would else take
# as long as the timeout.
REST = 60.0


class ChainError(Exception):
    """The chain died, hangs, or said what cannot be an answer. The message holds no text.

    answers (list[str]): Those that came before.
    """

    def __init__(self, message: str, answers: Sequence[str] = ()):
        super().__init__(message)
        self.answers = list(answers)


class Chain:
    """Programs of which each reads what the one before writes; started when first needed.

    Threads may share one; their messages go through it one list after the other.

    commands (Sequence[Sequence[str]]): Their argument lists. No shell is involved.
    timeout (float): Seconds to wait for the next answer.
    last (str): A message whose answer is the message itself. It is sent behind the others, and
        shows that no program gave more answers than it had messages: each message would get the
        answer to the one before. Empty: nothing is sent.
    """

    def __init__(self, commands: Sequence[Sequence[str]], timeout: float, last: str = ""):
        self.commands = [list(command) for command in commands]
        self.timeout = timeout
        self.last = last
        # With the process that made it: a fork may take it along while a thread holds it.
        self._lock = (os.getpid(), threading.RLock())
        self._processes: list[subprocess.Popen] = []
        self._owner = 0
        self._resting_until = 0.0

    def ask(self, messages: Sequence[str]) -> list[str]:
        """Send messages and wait for the answer to each.

        messages (Sequence[str]): Texts without a zero byte.
        RETURNS (list[str]): The answers, in order.
        RAISES (ChainError): The next answer does not come, or there are too many. The programs are
            stopped then, and start anew with the next messages.
        """
        if self._lock[0] != os.getpid():
            self._lock = (os.getpid(), threading.RLock())
        with self._lock[1]:
            return self._ask([*messages, self.last] if self.last else messages)

    def _ask(self, messages: Sequence[str]) -> list[str]:
        answers: list[str] = []
        if time.monotonic() < self._resting_until:
            raise ChainError("the program does not answer")
        try:
            self._start()
            self._exchange(messages, answers)
            if self.last and answers.pop() != self.last:
                raise ChainError("more answers than messages")
        except (BrokenPipeError, ChainError) as error:
            self.stop()
            reason = str(error) if isinstance(error, ChainError) else "the program ended"
            # Without the last one, nothing says whose answers these are.
            raise ChainError(reason, () if self.last else answers) from None
        except BaseException:
            # Answers that are under way would be taken for those to the next messages.
            self.stop()
            raise
        return answers

    def probe(self, message: str) -> None:
        """Leave the programs alone for a while if they do not answer at all.

        message (str): One that is known to have an answer.
        """
        if time.monotonic() < self._resting_until:
            return
        try:
            self.ask([message])
        except ChainError:
            self._resting_until = time.monotonic() + REST

    def _exchange(self, messages: Sequence[str], answers: list[str]) -> None:
        out, into = self._processes[-1].stdout, self._processes[0].stdin
        assert out is not None
        assert into is not None
        unsent = memoryview(b"".join(message.encode("utf-8") + b"\0" for message in messages))
        received = bytearray()
        deadline = time.monotonic() + self.timeout
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            selector.register(into, selectors.EVENT_WRITE)
            while len(answers) < len(messages):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise ChainError("no answer in time")
                # Reading and writing at once: pipes that are full in both directions never move.
                ready = [key.fileobj for key, _ in selector.select(left)]
                if into in ready:
                    unsent = unsent[os.write(into.fileno(), unsent[:_BLOCK]) :]
                    if not unsent:
                        selector.unregister(into)
                if out not in ready:
                    continue
                block = os.read(out.fileno(), _BLOCK)
                if not block:
                    raise ChainError("the program ended")
                received += block
                if b"\0" in block:
                    *whole, received = received.split(b"\0")
                    answers.extend(answer.decode("utf-8", errors="replace") for answer in whole)
                    deadline = time.monotonic() + self.timeout
        if len(answers) > len(messages) or received:
            del answers[:]
            raise ChainError("more answers than messages")

    def _start(self) -> None:
        if self._processes and self._owner == os.getpid():
            if all(process.poll() is None for process in self._processes):
                return
            self.stop()
        # After a fork the programs belong to the parent.
        self._processes, self._owner = [], os.getpid()
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        before: int | None = subprocess.PIPE
        try:
            for command in self.commands:
                process = subprocess.Popen(
                    command,
                    stdin=before,
                    stdout=subprocess.PIPE,
                    # What a program complains of may quote the text.
                    stderr=subprocess.DEVNULL,
                    env=environment,
                    bufsize=0,
                )
                if self._processes:
                    # The next program holds it now; else a dead one's neighbour would not notice.
                    self._processes[-1].stdout.close()  # type: ignore[union-attr]
                self._processes.append(process)
                before = process.stdout  # type: ignore[assignment]
        except OSError as error:
            self.stop()
            raise ChainError(f"{command[0]} cannot be started") from error
        os.set_blocking(self._processes[0].stdin.fileno(), False)  # type: ignore[union-attr]

    def stop(self) -> None:
        """End the programs."""
        processes, self._processes = self._processes, []
        if self._owner != os.getpid():
            return
        for process in processes:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
        for process in processes:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)

    def __getstate__(self) -> dict:
        return {"commands": self.commands, "timeout": self.timeout, "last": self.last}

    def __setstate__(self, state: dict) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __del__(self) -> None:
        with suppress(Exception):
            self.stop()

"""One call: its events in order, its end, and where it stands when its connection is lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from ._errors import RealmError
from ._link import Link
from ._runtime import Function, Runtime
from ._wire import Event, Params


@dataclass(frozen=True)
class Asked:
    """What was asked for."""

    function: str
    params: Params
    options: dict[str, Any]
    timeout: float | None
    """Seconds that it may take."""
    in_scale: bool
    """Whether parameters, items and result are SCALE on the wire."""

    @property
    def resumable(self) -> bool:
        return bool(self.options.get("resumable"))


@dataclass(frozen=True)
class Scale:
    """What a call in SCALE is written and read by: a function, and the runtime whose it is."""

    runtime: Runtime
    function: Function

    def read(self, event: Event) -> Event:
        """The event with what is in it decoded; an error that the function answered with becomes the event's."""
        if not event.last:
            return replace(event, item=self.runtime.decode_item(self.function, event.item))
        if event.error is not None:
            return event
        try:
            return replace(event, result=self.runtime.decode_result(self.function, event.result))
        except RealmError as error:
            return replace(event, result=None, error=error)


@dataclass(eq=False)
class Call:
    """A call that runs, or ran. Events come by :meth:`take`; whoever reads waits for :attr:`news`."""

    asked: Asked
    keeps_items: bool
    """Whether items are read: then a function that streams nothing is called by its streaming twin, if it has one."""
    events_max: int
    on_end: Callable[[Call], None]
    spawn: Callable[[Coroutine[Any, Any, None]], Any]
    """Runs something that nobody waits for."""
    items: deque[Any] = field(default_factory=deque)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    function: str = ""
    """What is called: the function that was asked for, or its streaming twin."""
    scale: Scale | None = None
    """What its events are read by, if they are SCALE."""
    link: Link | None = None
    """The connection that its events come over, if there is one now."""
    subscription: str | None = None
    """What its events come under, on that connection."""
    resume_id: str | None = None
    """What it is taken up again by: the first subscription's id."""
    next_seq: int = 0
    ended: bool = False
    result: Any = None
    error: RealmError | None = None
    limit: asyncio.TimerHandle | None = None
    """What ends it when its time is over."""

    def attach(self, link: Link, subscription: str) -> None:
        """Its events come from here."""
        self.link, self.subscription = link, subscription
        self.resume_id = self.resume_id or subscription

    def take(self, notification: Any) -> None:
        """The next event. One that came before is left out, one that is missing is an error: what a
        reader gets has every item once and in order, or ends."""
        if self.ended:
            return
        try:
            event = Event.read(notification)
            if self.scale is not None and event.seq == self.next_seq:
                event = self.scale.read(event)
        except RealmError as error:
            self.fail(error)
            return
        if event.seq < self.next_seq:
            return
        if event.seq > self.next_seq:
            self.fail(RealmError("PROTOCOL", f"event {self.next_seq} is missing; {event.seq} came"))
            return
        self.next_seq += 1
        if event.last:
            self.result, self.error = event.result, event.error
            self._end()
        elif self.keeps_items and len(self.items) >= self.events_max:
            self.fail(RealmError("SLOW_CONSUMER", f"{self.events_max} events were not read", {"events_max": self.events_max}))
        elif self.keeps_items:
            self.items.append(event.item)
            self.news.set()

    def fail(self, error: RealmError) -> None:
        """Ends it from this side, and on the node if it runs there."""
        if self.ended:
            return
        self.error = error
        link, subscription = self.link, self.subscription
        self._end()
        if link is not None and subscription is not None and link.is_open:
            self.spawn(link.unsubscribe("realm_unsubscribe", subscription))

    def _end(self) -> None:
        self.ended = True
        if self.limit is not None:
            self.limit.cancel()
        if self.link is not None and self.subscription is not None:
            self.link.forget(self.subscription)
        self.link = self.subscription = None
        self.news.set()
        self.on_end(self)

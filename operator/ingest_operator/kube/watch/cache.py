"""The cache of the watches: the newest version of each object, reduced to what a reconcile needs.

A watch misses deletions while it is broken (kopf lists again after `410 Gone` and does not report what has
vanished), so a periodic list replaces what the watch has gathered. Responses to our own writes go in at once:
an object that we made is never unknown to us.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from ingest_operator.kube.api.ownership import Identity, controller_of
from ingest_operator.kube.api.resources import Object

Key = tuple[str, str]
"""(namespace, name)."""

TOMBSTONES: Final = 4096
"""Deleted objects that are remembered, so that a late response to our own write does not bring one back."""


def key_of(thing: Object) -> Key:
    """The key of an object."""
    return thing["metadata"]["namespace"], thing["metadata"]["name"]


def version_of(thing: Object) -> int:
    """The resourceVersion as a number:
    every API server backed by etcd makes them so (declared by KEP-5504)."""
    return int(thing["metadata"]["resourceVersion"])


class Cache:
    """The newest known version of every object of one kind."""

    def __init__(
        self,
        slim: Callable[[Object], Object] = lambda thing: thing,
        whose: Callable[[Object], Identity | None] = controller_of,
        outlives: Callable[[Object], bool] = lambda _: False,
    ) -> None:
        """`whose` gives the owner by which `of` finds an object. An object that `outlives` its deletion stays
        known until `forget`."""
        self._slim, self._whose, self._outlives = slim, whose, outlives
        self._objects: dict[Key, Object] = {}
        self._of: defaultdict[Identity, dict[Key, Object]] = defaultdict(dict)
        self._where: dict[str, Key] = {}
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._left: set[Key] = set()
        self._unwatched: set[Key] = set()

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: Key) -> Object | None:
        """One object."""
        return self._objects.get(key)

    @property
    def known(self) -> tuple[Key, ...]:
        """The keys of the known objects."""
        return tuple(self._objects)

    @property
    def uids(self) -> tuple[str, ...]:
        """The uids of the known objects."""
        return tuple(self._where)

    def with_uid(self, uid: str | None) -> Key | None:
        """The key of the object with a uid."""
        return self._where.get(uid or "")

    def of(self, owner: Identity) -> tuple[Object, ...]:
        """The objects that belong to this one."""
        return tuple(self._of.get(owner, {}).values())

    def is_gone(self, thing: Object) -> bool:
        """Whether an object is deleted and still known."""
        return key_of(thing) in self._left

    def slim(self, thing: Object) -> Object:
        """Reuse the cached copy if a listed object has the same version, so that a list does not hold ten
        thousand objects twice."""
        known = self._objects.get(key_of(thing))
        same = known is not None and all(
            known["metadata"][part] == thing["metadata"][part] for part in ("uid", "resourceVersion")
        )
        return known if known is not None and same else self._slim(thing)

    def is_watched(self, thing: Object) -> bool:
        """Whether a watch or a list would show the next version of an object: not if it has lost the labels
        that they select."""
        return key_of(thing) not in self._unwatched

    def accept(self, thing: Object) -> None:
        """Take the API server's answer about one object: it exists, although a watch that selects by labels
        may have reported it deleted."""
        key, uid = key_of(thing), thing["metadata"]["uid"]
        if version_of(thing) < self._gone.get(uid, 0):
            return
        known = self._objects.get(key)
        watched = (
            known is not None and known["metadata"]["uid"] == uid and key not in self._unwatched | self._left
        )
        self._gone.pop(uid, None)
        if key in self._left:
            self._remove(key)
        self._take(thing)
        if not watched:
            self._unwatched.add(key)

    def offer(self, thing: Object) -> bool:
        """Take an object that a watch shows, or that we have made, if it is new; returns whether it was."""
        self._unwatched.discard(key_of(thing))
        return thing["metadata"]["uid"] not in self._gone and self._take(thing)

    def _take(self, thing: Object) -> bool:
        key = key_of(thing)
        known = self._objects.get(key)
        if known is not None and version_of(known) >= version_of(thing):
            return False
        if known is not None:
            self._remove(key)
        slim = self._objects[key] = self._slim(thing)
        self._where[thing["metadata"]["uid"]] = key
        if (owner := self._whose(slim)) is not None:
            self._of[owner][key] = slim
        return True

    def drop(self, thing: Object) -> None:
        """Forget an object that was deleted,
        unless another one has its name now, or it outlives its deletion."""
        key, uid = key_of(thing), thing["metadata"]["uid"]
        self.offer(thing)  # a deletion brings the last version, which may be the first to say how it ended
        self._gone[uid] = version_of(thing)
        if len(self._gone) > TOMBSTONES:
            self._gone.popitem(last=False)
        known = self._objects.get(key)
        if known is None or known["metadata"]["uid"] != uid:
            return
        if self._outlives(known):
            self._left.add(key)
        else:
            self._remove(key)

    def forget(self, thing: Object) -> None:
        """Remove a deleted object that no one needs any more."""
        if self.is_gone(thing):
            self._remove(key_of(thing))

    def replace(self, listed: Iterable[Object], version: str, namespace: str | None) -> tuple[Object, ...]:
        """Take a list as the truth of its moment; returns what it changed. Objects that are newer than the
        list stay."""
        changes = [thing for thing in listed if self.offer(thing)]
        present = {key_of(thing) for thing in listed}
        gone = [
            thing
            for key, thing in self._objects.items()
            if key not in present
            and key not in self._left
            and namespace in (None, key[0])
            and version_of(thing) <= int(version)
        ]
        for thing in gone:
            self.drop(thing)
        return (*changes, *gone)

    def _remove(self, key: Key) -> None:
        thing = self._objects.pop(key)
        self._left.discard(key)
        self._unwatched.discard(key)
        del self._where[thing["metadata"]["uid"]]
        owner = self._whose(thing)
        if owner is not None:
            self._of[owner].pop(key, None)
            if not self._of[owner]:
                del self._of[owner]

"""pydocs: names, docstrings and links read from sources; the collection made of them, small and real."""

import subprocess
import sys
import textwrap

import pytest

from rankdistill.data import load_collection
from rankdistill.data.sources.pydocs import load
from rankdistill.data.sources.pydocs.docstring import clean_markup, parse_docstring
from rankdistill.data.sources.pydocs.load import folder_modules, installed_versions, source_files
from rankdistill.data.sources.pydocs.rows import build_rows
from rankdistill.errors import UsageError
from rankdistill.files.cache import cache_folder

BODY = "This body has quite enough words to be a document that somebody could want to find."

SOURCES = {
    "zoo/__init__.py": """
        from ._core import feed, Cage
        from ._core import _hidden
        from .birds import *
        """,
    "zoo/_core.py": f'''
        def feed(animal, /, amount: int = 3, *rest, raw=False, **options) -> None:
            """Give an animal its daily food.

            {BODY} It feeds.

            Give an animal its daily food. Then rest.

            See Also
            --------
            Cage.clean : Another thing to do every day.
            zoo.birds.sing, whistle
                Noises.
            nowhere.to_be_found
            """

        def unexported():
            """Do something that nobody can reach from outside.

            {BODY} It is private."""

        def _hidden():
            """Do something that has a private name anyway.

            {BODY} It is hidden."""

        class Base:
            def lock(self):
                """Lock the door of whatever this is.

                {BODY} It locks."""

        class Cage(Base):
            """A place in which an animal lives.

            {BODY} It is a cage.

            .. seealso:: :func:`~zoo.feed`
            """
            def __init__(self, size, color="red"): pass

            def clean(self):
                """Remove the straw and put in some new. It takes long.

                {BODY} It cleans.

                See also :meth:`lock`, which needs a key."""

            @property
            def size(self):
                """How many square metres the cage has.

                {BODY} It is a number."""

            def short(self):
                """A summary with enough words in it.

                Too short."""
        ''',
    "zoo/birds.py": f'''
        __all__ = ["sing", "whistle"]
        def sing(song):
            """Make the sounds of ``song`` [1]_ *loudly*.

            {BODY} It sings."""

        def whistle(song):
            """Whistle it.

            {BODY} It whistles."""

        def copied():
            """Whistle it.

            {BODY} It whistles."""

        def twin_a():
            """Two objects that have the same summary.

            {BODY} The first."""

        def twin_b():
            """Two objects that have the same summary.

            {BODY} The second."""
        ''',
    "zoo/tests/test_zoo.py": f'''
        def helper():
            """Help the tests with what they need.

            {BODY} It helps."""
        ''',
    "zoo/broken.py": "def (:",
    "zoo/_docs.py": f'''
        from zoo import add_newdoc
        add_newdoc("zoo.birds", "compiled", """
            compiled(x, /)

            Run what has been compiled before.

            {BODY} It is %(kind)s.
            """ % names)
        add_newdoc("zoo.birds", "compiled", ("speed", "Speed at which it has been flying.\\n\\n{BODY} It is fast."))
        ''',
    "zoo/late.py": "from zoo import _docs",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("packages")
    for name, text in SOURCES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return root


@pytest.fixture(scope="module")
def rows(folder):
    return build_rows(dict(folder_modules(folder / "zoo", "zoo")))


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RANKDISTILL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield load_collection("pydocs:numpy")


def grades(rows, query):
    return {document: grade for asked, document, grade in rows.judgments if asked == query}


def test_documents_go_by_their_public_names(rows):
    assert list(rows.documents) == [
        "zoo.Cage",
        "zoo.Cage.clean",
        "zoo.Cage.lock",
        "zoo.Cage.size",
        "zoo.birds.compiled",
        "zoo.birds.compiled.speed",
        "zoo.birds.twin_a",
        "zoo.birds.twin_b",
        "zoo.feed",
        "zoo.sing",
        "zoo.whistle",
    ]


def test_document_is_signature_and_docstring_without_summary(rows):
    first, rest = rows.documents["zoo.feed"].split("\n", 1)
    assert first == "feed(animal, /, amount=3, *rest, raw=False, **options)"
    assert rest.startswith(BODY)
    assert rows.documents["zoo.Cage"].startswith("Cage(size, color='red')\n")
    assert rows.documents["zoo.Cage.size"].startswith("Cage.size\n")
    assert rows.documents["zoo.Cage.clean"].startswith("Cage.clean()\nIt takes long.")
    assert rows.documents["zoo.birds.compiled"].startswith("compiled(x, /)\n")


def test_no_document_contains_its_own_summary_nor_its_links(rows):
    for query, summary in rows.queries.items():
        assert summary.rstrip(".").lower() not in rows.documents[query.removeprefix("q:")].lower()
    assert "Another thing" not in rows.documents["zoo.feed"]
    assert "nowhere" not in rows.documents["zoo.feed"]


def test_queries_are_clean_first_sentences_that_are_long_enough_and_unique(rows):
    assert rows.queries["q:zoo.sing"] == "Make the sounds of song loudly."
    assert rows.queries["q:zoo.Cage.clean"] == "Remove the straw and put in some new."
    assert rows.queries["q:zoo.birds.compiled"] == "Run what has been compiled before."
    assert not {"q:zoo.whistle", "q:zoo.birds.twin_a", "q:zoo.birds.twin_b"} & set(rows.queries)


def test_see_also_names_resolve_to_documents(rows):
    assert grades(rows, "q:zoo.feed") == {"zoo.feed": 3, "zoo.Cage.clean": 1, "zoo.sing": 1, "zoo.whistle": 1}
    assert grades(rows, "q:zoo.Cage") == {"zoo.Cage": 3, "zoo.feed": 1}
    assert grades(rows, "q:zoo.Cage.clean") == {"zoo.Cage.clean": 3, "zoo.Cage.lock": 1}


def test_the_same_sources_give_the_same_rows_whatever_the_order_of_the_files(folder, rows):
    files = dict(reversed(list(folder_modules(folder / "zoo", "zoo"))))
    again = build_rows(files)
    assert (again.documents, again.queries, again.judgments) == (rows.documents, rows.queries, rows.judgments)
    assert list(again.documents) == list(rows.documents)


@pytest.mark.parametrize(
    ("section", "names"),
    [
        (
            "See Also\n--------\na.b : text\nc, d : text\n    e is no link\n:func:`f` : text\n",
            ("a.b", "c", "d", "f"),
        ),
        ("See Also\n--------\n`numpy.sum` : text\nOther\n-----\nz : no", ("numpy.sum",)),
        (".. seealso::\n\n    :func:`a.b`, ``c``\n        more words\n\nno : link", ("a.b", "c")),
        ("See Also:\n    :class:`~x.Y`: what it is\n\nText.", ("x.Y",)),
        ("See also :func:`torch.abs` in any case.", ("torch.abs",)),
        ("Nothing to see here.\nalso", ()),
    ],
)
def test_known_forms_of_see_also_are_read(section, names):
    assert parse_docstring(f"Summary line.\n\n{section}").see_also == names


def test_markup_leaves_the_words():
    text = "See :func:`~a.b.c`, `x`, ``y`` and *z* or **w**; `text <http://e.org>`_ [1]_ a*b*c :math:`x^2`"
    assert clean_markup(text) == "See a.b.c, x, y and z or w; text  a*b*c x^2"
    assert clean_markup("Title\n=====\n.. note::\n   Mind this.") == "Title\n   Mind this."


def test_real_documents_have_links_grades_and_splits(real):
    assert len(real.documents) > 500
    assert "numpy.linalg.norm" in real.documents
    assert "numpy.arange" in real.documents, "compiled functions are documented by add_newdoc"
    norm = real.qrels.take_queries(["q:numpy.linalg.norm"]).query(0)
    assert dict(zip(norm.doc_ids, norm.columns["label"], strict=True))["numpy.linalg.norm"] == 3
    assert set(real.qrels["label"].tolist()) == {1.0, 3.0}
    assert (real.qrels["label"] == 1).sum() > 500
    assert not any("._" in name or ".tests." in name for name in real.documents.ids.to_pylist())
    sizes = [len(real.split(name)) for name in ("train", "dev", "test")]
    assert sum(sizes) == len(real.queries)
    assert sizes[0] > sizes[2] > sizes[1] > 0
    real.documents.take(real.qrels.doc_ids)
    real.queries.take(real.qrels.query_ids)


def test_second_load_reads_the_cache_and_equals_the_first(real, tmp_path, monkeypatch):
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path))
    first = load_collection("pydocs:numpy")
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    second = load_collection("pydocs:numpy")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == written
    for made in (first, second):
        assert made.documents.texts.equals(real.documents.texts)
        assert made.qrels.doc_ids.equals(real.qrels.doc_ids)
    assert cache_folder() == tmp_path


def test_building_imports_nothing_of_what_it_reads(tmp_path):
    code = (
        "import sys; from rankdistill.data.sources.pydocs.load import source_files, installed_versions;"
        "from rankdistill.data.sources.pydocs.rows import build_rows;"
        "rows = build_rows(source_files(installed_versions(['matplotlib'])));"
        "assert rows.documents, rows; assert 'matplotlib' not in sys.modules"
    )
    if "matplotlib" not in installed_versions():
        pytest.skip("matplotlib is not installed")
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_files_of_the_standard_library_are_without_tests_and_other_packages():
    names = source_files(["python"])
    assert {"json", "json.decoder", "heapq", "collections"} <= set(names)
    assert not any(name.startswith(("test.", "idlelib.", "numpy")) or ".tests." in name for name in names)


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(UsageError, match="'nopackage'"):
        load_collection("pydocs:numpy,nopackage")


@pytest.fixture
def tiny_collection(folder, tmp_path, monkeypatch):
    """The collection of a few sources, in a cache of its own."""
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(load, "source_files", lambda versions: dict(folder_modules(folder / "zoo", "zoo")))
    made = load.load("numpy")
    return made, next((tmp_path / "cache" / "pydocs").iterdir())


@pytest.mark.parametrize("name", ["queries.arrow", "documents.arrow", "qrels.parquet"])
@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "gone"])
def test_a_damaged_copy_is_built_again(tiny_collection, name, damage):
    made, folder = tiny_collection
    expected = list(made.documents), list(made.queries), made.qrels["label"].tolist()
    whole = (folder / name).read_bytes()
    middle = len(whole) // 2
    if damage == "gone":
        (folder / name).unlink()
    else:
        flipped = whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :]
        # A new file, as the old one is mapped into memory by `made`.
        (folder / "new").write_bytes({"empty": b"", "cut": whole[:middle], "flipped": flipped}[damage])
        (folder / "new").replace(folder / name)
    again = load.load("numpy")
    assert (list(again.documents), list(again.queries), again.qrels["label"].tolist()) == expected
    assert (folder / name).read_bytes() == whole


def test_a_whole_copy_is_not_built_again(tiny_collection, monkeypatch):
    monkeypatch.setattr(load, "build_rows", lambda files: pytest.fail("built again"))
    assert len(load.load("numpy").documents) == len(tiny_collection[0].documents)

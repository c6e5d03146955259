"""What clients send and get: the request of Cohere's, Jina's and text-embeddings-inference's rerankers, in one shape.

``documents`` (Cohere, Jina) or ``texts`` (text-embeddings-inference) are ranked, and the answer has the shape of the
one that was sent.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

Document = str | dict[str, Any]


class RerankRequest(BaseModel):
    """A query and the texts to rank for it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"query": "sort a list", "documents": ["sorted(x) returns a new list", "a dog"], "top_n": 1}]
        }
    )

    query: Annotated[str, Field(description="What the texts are ranked for.")]
    documents: Annotated[
        list[Document] | None,
        Field(description="Texts, or objects with a text; the answer is then an object with results."),
    ] = None
    texts: Annotated[
        list[str] | None,
        Field(description="Texts as text-embeddings-inference takes them; the answer is then a list of scores."),
    ] = None
    model: Annotated[str | None, Field(description="Not used: the server has one model.")] = None
    top_n: Annotated[int | None, Field(ge=1, description="Results to return, the best ones; null for all.")] = None
    return_documents: Annotated[bool | None, Field(description="Whether results hold the documents.")] = None
    return_text: Annotated[bool | None, Field(description="The same for texts.")] = None
    raw_scores: Annotated[
        bool | None,
        Field(
            description="true: the model's logits; false: their sigmoid. Null: with documents the score that "
            "`rankdistill rerank` writes, with texts the sigmoid."
        ),
    ] = None
    truncation: Annotated[
        bool | None,
        Field(
            validation_alias=AliasChoices("truncation", "truncate"),
            description="false: a document that the model cannot read whole is an error; else it is cut and reported.",
        ),
    ] = None
    truncation_direction: Annotated[
        Literal["right", "Right"], Field(description="The end of a document that is cut.")
    ] = "right"
    max_tokens_per_doc: Annotated[int | None, Field(ge=1, description="Tokens of a document that are read.")] = None
    rank_fields: Annotated[
        list[str] | None, Field(description="Fields of documents that are read, joined by line ends; null for text.")
    ] = None
    max_chunks_per_doc: Annotated[int | None, Field(description="Not used: a document is read as one.")] = None
    return_embeddings: Annotated[Literal[False] | None, Field(description="There are none.")] = None

    @model_validator(mode="after")
    def _one_list(self) -> RerankRequest:
        if (self.documents is None) == (self.texts is None):
            raise ValueError("give either documents or texts")
        if not (self.documents or self.texts):
            raise ValueError("there are no documents to rank: give at least one")
        if not self.query.strip():
            raise ValueError("the query is empty: give the text that documents are ranked for")
        for nth, document in enumerate(self.documents or ()):
            if isinstance(document, dict):
                self._text_of(nth, document)
        return self

    def contents(self) -> list[str]:
        """The texts to rank."""
        if self.texts is not None:
            return self.texts
        return [
            each if isinstance(each, str) else self._text_of(n, each) for n, each in enumerate(self.documents or ())
        ]

    def _text_of(self, nth: int, document: dict[str, Any]) -> str:
        fields = [document.get(name) for name in self.rank_fields or ("text",)]
        if not all(isinstance(each, str) for each in fields):
            names = ", ".join(map(repr, self.rank_fields or ("text",)))
            raise ValueError(f"document {nth} has no text in {names}: expected a string, or an object with it")
        return "\n".join(map(str, fields))


class ReturnedText(BaseModel):
    """A document as it was sent, or its text."""

    model_config = ConfigDict(extra="allow")

    text: str | None = None


class Result(BaseModel):
    """One document's place in the request, and its score."""

    index: int
    relevance_score: float
    document: ReturnedText | None = None


class Usage(BaseModel):
    """Tokens that were read, the query's once for each document."""

    total_tokens: int
    prompt_tokens: int


class Meta(BaseModel):
    """What else there is to say."""

    api_version: dict[str, str]
    billed_units: dict[str, int]
    tokens: dict[str, int]
    warnings: list[str]


class RerankResponse(BaseModel):
    """Documents, best first."""

    id: str
    model: str
    results: list[Result]
    usage: Usage
    meta: Meta
    truncated: Annotated[list[int], Field(description="Documents of the request that were cut.")]


class Rank(BaseModel):
    """One text's place in the request, and its score, as text-embeddings-inference answers."""

    index: int
    score: float
    text: str | None = None


class ErrorBody(BaseModel):
    """What is wrong with a request, in the fields in which different clients look for it."""

    message: str
    error: str
    error_type: str


class Health(BaseModel):
    """Whether requests are taken."""

    status: Literal["ready", "stopping"]
    model: str

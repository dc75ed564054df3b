"""Routes of the organisation tree: read it, and import the published division file."""

from typing import Annotated

from fastapi import File, Form, Query, Response, UploadFile
from pydantic import Field
from sqlalchemy import select

from services.registry.organisation.divisions import read_divisions
from services.registry.organisation.publication import publish
from services.registry.tables import organisation_nodes
from shared.contracts import NodeCode
from shared.contracts.registry import NodeLevel
from shared.web import Api, Caller, NotFound, Page, Paging, Read, Work, etag, narrowed
from shared.web.fields import Out, ShortText

api = Api(tags=["organisation 组织树"])


class NodeOut(Out):
    """A division: province, city, district, street or community."""

    code: NodeCode
    name: str
    level: NodeLevel
    parent: NodeCode | None
    source: str


class PublicationOut(Out):
    """What the import of a division file did."""

    added: int
    renamed: int
    unchanged: int
    absent: int = Field(description="In the tree but not in the file; they stay, since history refers to them.")


@api.command("/v1/organisation/imports", permission="organisation.import", status=201)
async def import_divisions(
    file: Annotated[UploadFile, File(description="区划文件 CSV: code, name, level, parent")],
    source: Annotated[ShortText, Form(description="文件来源 which published file this is")],
    work: Work,
    caller: Caller,
) -> PublicationOut:
    """导入行政区划文件；重复导入不产生变化。Import the division file; importing it again changes nothing."""
    nodes = read_divisions(await file.read(), source)
    for node in nodes:
        # What lies above the caller's node may be in the file, but is not theirs to rename.
        if not caller.node.startswith(node.code):
            caller.require(node.code)
    done = await publish(work, nodes, renamer=caller.node)
    return PublicationOut(added=done.added, renamed=done.renamed, unchanged=done.unchanged, absent=done.absent)


@api.query("/v1/organisation/nodes", permission="organisation.read")
async def list_nodes(
    read: Read,
    caller: Caller,
    page: Paging,
    within: Annotated[NodeCode | None, Query(description="该节点及下级 this node and below; 默认本人所在节点")] = None,
    level: NodeLevel | None = None,
) -> Page[NodeOut]:
    """组织树的节点。Nodes of the organisation tree."""
    within = within or caller.node
    caller.require(within)
    table = organisation_nodes
    query = narrowed(select(table).where(table.c.code >= within, table.c.code < within + ":"), (table.c.level, level))
    return await page.fetch(read, query, [table.c.code], NodeOut.model_validate)


@api.query("/v1/organisation/nodes/{code}", permission="organisation.read")
async def get_node(code: NodeCode, read: Read, caller: Caller, response: Response) -> NodeOut:
    """一个节点；上级节点也可查看。One node; those above the caller's own may be read too."""
    if not caller.node.startswith(code):
        caller.require(code)
    table = organisation_nodes
    row = (await read.execute(select(table).where(table.c.code == code))).first()
    if row is None:
        raise NotFound("node")
    etag(response, row.version)
    return NodeOut.model_validate(row)

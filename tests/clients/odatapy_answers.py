"""Answers OData requests with odatapy, over rows that the caller hands in.

The first line of standard input is a JSON object: `metadata`, the CSDL XML; `sets`, rows by entity set; `links`, for each
navigation property its set, its name, its target set and for each row the places of the rows that it leads to. Every
further line is a request, a JSON object with `path` and `query`; a line with `status` and `body` answers it.
"""

import json
import sys

from odatapy.edm.xml_io import XmlEdmProvider
from odatapy.http.content_type import ContentType
from odatapy.server import OData, ODataRequest
from odatapy.server.inmemory import InMemoryDataStore, InMemoryProcessor

ROOT = "http://odatapy.test/"


def service(world):
    odata = OData.new_instance()
    metadata = odata.create_service_metadata(XmlEdmProvider(world["metadata"]))
    handler = odata.create_handler(metadata)
    store = InMemoryDataStore()
    processor = InMemoryProcessor(store)
    handler.register(processor)
    reader = odata.create_deserializer(ContentType.parse("application/json"))
    container = metadata.edm.entity_container
    sets = {name: container.get_entity_set(name) for name in world["sets"]}
    rows = {}
    for name, values in world["sets"].items():
        entities = reader.entity_collection(metadata.edm, sets[name].entity_type, json.dumps(values)).entities
        # The reader gives numbers for members of enumerations, the evaluation wants names.
        for entity, value in zip(entities, values):
            for prop in value:
                if entity.get_property(prop) and entity.get_property(prop).value_type.name == "ENUM":
                    entity.get_property(prop).value = value[prop]
        rows[name] = entities
        store.set_entities(name, entities)
    for owner, nav, target, leads_to in world["links"]:
        for entity, places in zip(rows[owner], leads_to):
            key = processor._key_of(sets[owner], entity)
            store.set_relation(owner, key, nav, [rows[target][place] for place in places])
    return handler


def main():
    handler = service(json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        asked = json.loads(line)
        path, query = asked["path"], asked["query"]
        request = ODataRequest(
            raw_odata_path=path,
            raw_query_path=query,
            raw_base_uri=ROOT,
            raw_request_uri=f"{ROOT}{path}?{query}",
        )
        try:
            answer = handler.process(request)
            told = {"status": answer.status_code, "body": answer.content.decode()}
        except Exception as error:  # An answer too: the test says what it makes of it.
            told = {"status": 500, "body": f"{type(error).__name__}: {error}"}
        print(json.dumps(told), flush=True)


main()

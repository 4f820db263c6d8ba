"""The message contract: what travels on Kafka, and nothing about how it travels.

Facts are past tense and flow right (engine -> actors -> Kafka -> api); requests are imperative and flow left, as messages only. Standard library and
numpy only. `position` is ``[lat, lng]``, as the ancestor wrote it. Unknown fields are ignored, so old readers survive new writers.

    topic                  key         message
    route.new-direction    routeId     StartDelivery       request
    run.control            runId       ControlRun          request
    route.new-position     deliveryId  PositionReported    fact (columnar codec: engine.codec)
    delivery.event         deliveryId  DeliveryEvent       fact
    route.defined          routeId     RouteDefined        fact, newest wins
    run.event              runId       RunEvent            fact
    route.dead-letter      as found    the bytes that could not be read, reason in the headers
"""

"""API Gateway (REST APIs, v1): the control plane's operations by AWS's name. The data plane is `execute.ExecuteApi`."""

from __future__ import annotations

from stategate.services.apigateway import (
    account,
    apikeys,
    authorizers,
    caches,
    connections,
    deployments,
    documentation,
    documents,
    domainnames,
    exporting,
    gatewayresponses,
    importing,
    integrations,
    methods,
    models,
    resources,
    restapis,
    stages,
    tagging,
    testauthorizer,
    testinvoke,
    usageplans,
)
from stategate.services.call import Operations

OPERATIONS: Operations = {
    **restapis.OPERATIONS,
    **resources.OPERATIONS,
    **methods.OPERATIONS,
    **authorizers.OPERATIONS,
    **integrations.OPERATIONS,
    **models.OPERATIONS,
    **gatewayresponses.OPERATIONS,
    **deployments.OPERATIONS,
    **stages.OPERATIONS,
    **documentation.OPERATIONS,
    **apikeys.OPERATIONS,
    **usageplans.OPERATIONS,
    **domainnames.OPERATIONS,
    **connections.OPERATIONS,
    **caches.OPERATIONS,
    **importing.OPERATIONS,
    **exporting.OPERATIONS,
    **documents.OPERATIONS,
    **account.OPERATIONS,
    **tagging.OPERATIONS,
    **testinvoke.OPERATIONS,
    **testauthorizer.OPERATIONS,
}

"""The application: middleware, routers, life span."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

import commandcenter
from commandcenter.agents import endpoints as agent_endpoints
from commandcenter.approvals import endpoints as approval_endpoints
from commandcenter.artifacts import endpoints as artifact_endpoints
from commandcenter.auth import audit_endpoints
from commandcenter.auth import endpoints as auth_endpoints
from commandcenter.events import endpoints as event_endpoints
from commandcenter.hub import (
    api_docs,
    approval_pages,
    dashboard,
    health_endpoints,
    metrics_endpoints,
    pages,
    settings_endpoints,
    statistics_endpoints,
)
from commandcenter.hub.assembly import assemble
from commandcenter.hub.middleware.aliases import UnversionedApi
from commandcenter.hub.middleware.boundary import Boundary
from commandcenter.hub.middleware.hosts import HostCheck, OriginCheck, host_name
from commandcenter.hub.middleware.limits import BodyLimit, RateLimit
from commandcenter.hub.problems import add_problem_handlers
from commandcenter.hub.settings import Settings
from commandcenter.hub.stacks import add_stacks
from commandcenter.hub.work import add_domains, add_execution
from commandcenter.kit.injection import Services
from commandcenter.logs import endpoints as log_endpoints
from commandcenter.logs import follow_endpoint
from commandcenter.notifications import endpoints as notification_endpoints
from commandcenter.projects import endpoints as project_endpoints
from commandcenter.runs import endpoints as run_endpoints
from commandcenter.runs import findings_endpoint, recovery_endpoint
from commandcenter.secrets import endpoints as secret_endpoints
from commandcenter.stacks import endpoints as stack_endpoints
from commandcenter.stacks import fork_endpoints as stack_fork_endpoints
from commandcenter.stacks import log_endpoints as stack_log_endpoints
from commandcenter.stacks import removal_endpoints as stack_removal_endpoints
from commandcenter.workflows import endpoints as workflow_endpoints

# Everything under /api/v1. A domain's router goes here and nowhere else.
API_ROUTERS: Sequence[APIRouter] = (
    auth_endpoints.router,
    audit_endpoints.router,
    project_endpoints.router,
    stack_endpoints.router,
    stack_endpoints.aliases,
    stack_log_endpoints.router,
    stack_fork_endpoints.router,
    stack_removal_endpoints.router,
    agent_endpoints.router,
    workflow_endpoints.router,
    run_endpoints.router,
    recovery_endpoint.router,
    findings_endpoint.router,
    approval_endpoints.router,
    artifact_endpoints.router,
    log_endpoints.router,
    follow_endpoint.router,
    notification_endpoints.router,
    event_endpoints.router,
    secret_endpoints.router,
    statistics_endpoints.router,
    settings_endpoints.router,
)
# Everything outside: pages for people, answers for machines that expect fixed addresses.
ROOT_ROUTERS: Sequence[APIRouter] = (
    pages.router,
    dashboard.router,
    approval_pages.router,
    api_docs.router,
    health_endpoints.router,
)


# What makes the services beyond the platform, in order.
PARTS = (add_domains, add_stacks, add_execution)


def create_app(settings: Settings) -> FastAPI:
    """Build the application. Its services come to life with the life span, not before."""
    services = Services()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with assemble(settings, services, PARTS):
            yield

    app = FastAPI(
        title="CommandCenter",
        version=commandcenter.__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.services = services
    app.router.routes.extend(_routes(metrics_public=settings.metrics_public))
    dashboard.serve_dashboard(app, settings)
    add_problem_handlers(app)

    # The last one added is the outermost.
    app.add_middleware(RateLimit, per_minute=settings.requests_per_minute)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(OriginCheck, origins=settings.allowed_origins)
    app.add_middleware(UnversionedApi)
    app.add_middleware(HostCheck, names=_names(settings))
    app.add_middleware(Boundary, https=settings.is_https, data_directory=settings.data_directory)
    return app


@cache
def _routes(*, metrics_public: bool) -> list[BaseRoute]:
    """The routes of every hub in this process, of which FastAPI takes a third of a second of CPU
    to read signatures and schemas when they are first asked for.
    """
    all_routes = APIRouter()
    for router in API_ROUTERS:
        all_routes.include_router(router, prefix="/api/v1")
    metrics = metrics_endpoints.public_router if metrics_public else metrics_endpoints.router
    for router in (*ROOT_ROUTERS, metrics):
        all_routes.include_router(router)
    return all_routes.routes


def _names(settings: Settings) -> list[str]:
    names = [*settings.allowed_hosts, settings.host]
    if settings.public_url is not None:
        names.append(host_name(settings.public_url.partition("://")[2].partition("/")[0]))
    return names

# One image for every door: which one is opened is the command.
FROM node:22-bookworm-slim AS viewer
WORKDIR /build/viewer
COPY viewer/package.json viewer/package-lock.json viewer/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY viewer/ ./
RUN npm run build

FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PACS_DATA=/data
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY pacs/ pacs/
COPY storage/ storage/
COPY scripts/hatch_build.py scripts/build_viewer.py scripts/
COPY --from=viewer /build/pacs/web/static pacs/web/static
RUN PACS_VIEWER=skip pip install . && useradd --system --uid 10001 --home-dir /data pacs \
    && install --directory --owner pacs --mode 700 /data
USER pacs
VOLUME /data
EXPOSE 11112 8042
ENTRYPOINT ["pacs"]
CMD ["serve"]

# One image for migrate, api and worker; the command chooses. Node 22: Node 20 has had no security fixes since April 2026
# (docs/adr/0007-runtime.md).
FROM node:22-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package of ours needs its install scripts.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force

FROM node:22-slim AS web
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY sources ./sources
COPY metrics ./metrics
COPY api ./api
COPY cli ./cli
COPY web ./web
RUN npm run build

FROM node:22-slim
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json tsconfig.json config.ts LICENSE ./
COPY hypertables ./hypertables
COPY continuous-aggregates ./continuous-aggregates
COPY sources ./sources
COPY metrics ./metrics
COPY db ./db
COPY objects ./objects
COPY workers ./workers
COPY api ./api
COPY cli ./cli
COPY --from=web /app/web/dist ./web/dist
# The user `node` (1000) of the base image. It owns nothing under /app: code cannot be changed at run time.
USER node
EXPOSE 3000
# Without npm in between, so that signals reach the process; `tsx` strips the types (docs/adr/0007-runtime.md).
CMD ["node", "--import", "tsx", "cli/api.ts"]

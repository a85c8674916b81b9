# Use specific version
FROM python:3.11-slim-bookworm
# Create non-root user
RUN groupadd -r appgroup && useradd -r -g appgroup appuser
# Set working directory
WORKDIR /app
# Copy only necessary files
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY --chown=appuser:appgroup . .
# Switch to non-root user
USER appuser
# Use ENTRYPOINT for main command
ENTRYPOINT ["python", "app.py"]

FROM ubuntu # Import layers

RUN apt-get update && apt-get install -y golang-go # Add new layer

CMD ["sh"]
